/** The versions of artifacts that a run has logged and used. */

import * as api from "./api";
import { bytes, integer, plural } from "./format";
import { usePoll } from "./live";

export function Artifacts({ run, running }: { run: string; running: boolean }) {
  const polled = usePoll(
    (signal) => api.artifacts(run, signal),
    () => (running ? 3000 : 15000),
    run,
  ).value;
  const found = polled.value ?? [];
  if (!found.length) return null;
  return (
    <details class="logged">
      <summary>
        Artifacts <span class="quiet">{plural(found.length, "version")}</span>
      </summary>
      <div class="cells">
        <table>
          <thead>
            <tr>
              <th scope="col">version</th>
              <th scope="col" />
              <th scope="col">type</th>
              <th scope="col">files</th>
              <th scope="col">size</th>
            </tr>
          </thead>
          <tbody>
            {found.map((one) => (
              <tr key={`${one.rank}/${one.seq}`}>
                <td>
                  {one.project}/{one.name}:v{one.version}
                </td>
                <td>{one.action}</td>
                <td>{one.type}</td>
                <td>{integer(one.files)}</td>
                <td>{bytes(one.size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
