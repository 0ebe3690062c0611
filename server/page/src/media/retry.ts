/** What is known of and has not arrived yet, is looked for again. */

import { useEffect, useState } from "preact/hooks";

/** So often (ms). */
export const RETRY = 3000;

/** For what is shown from a file: whether it is missing, and that it is looked for again. */
export function useRetry(digest: string) {
  const [tries, setTries] = useState(0);
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    if (!missing) return;
    const timer = setTimeout(() => setTries(tries + 1), RETRY);
    return () => clearTimeout(timer);
  }, [missing, tries]);
  useEffect(() => setMissing(false), [digest]);
  return { tries, missing, failed: () => setMissing(true), came: () => setMissing(false) };
}
