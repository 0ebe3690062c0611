/** Keys of the whole page; each page adds its own while it is mounted. */

import { useEffect, useRef } from "preact/hooks";

type Handlers = Record<string, (event: KeyboardEvent) => void>;

const stack: { current: Handlers }[] = [];

addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, textarea, select")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.key === "Enter" && target.closest("a, button, summary")) return;
  for (const { current } of stack.toReversed()) {
    const handler = current[event.key];
    if (handler) {
      event.preventDefault();
      handler(event);
      return;
    }
  }
});

export function useKeys(handlers: Handlers): void {
  const entry = useRef(handlers);
  entry.current = handlers;
  useEffect(() => {
    stack.push(entry);
    return () => {
      stack.splice(stack.indexOf(entry), 1);
    };
  }, []);
}

/** Put the cursor into the page's filter. */
export function focusFilter(): void {
  document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
}
