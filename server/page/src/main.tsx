/** The frame around every page. */

import { render } from "preact";
import { useRef } from "preact/hooks";
import { firing, watchAlerts } from "./alerting";
import { unreachable } from "./api";
import { duration } from "./format";
import { useKeys } from "./keys";
import { now, title } from "./live";
import { Alerts } from "./pages/alerts";
import { Compare } from "./pages/compare";
import { Run } from "./pages/run";
import { Runs } from "./pages/runs";
import { Empty } from "./parts";
import { path } from "./place";
import { choose, type Theme, theme } from "./theme";
import "./style.css";
import "./alert/alert.css";

const KEYS: [keys: string[], does: string][] = [
  [["/"], "filter"],
  [["j", "k"], "next, previous row"],
  [["Enter"], "open the row"],
  [["o"], "open the alert in place"],
  [["x"], "select the row"],
  [["c"], "compare what is selected"],
  [["l"], "linear or log y axis"],
  [["←", "→"], "move over a focused chart"],
  [["+", "−"], "zoom in a focused chart, one step out"],
  [["0"], "show all steps"],
  [["u"], "up to the runs"],
  [["?"], "these keys"],
];

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const SIGNS: Record<Theme, string> = { system: "◐", light: "☀", dark: "☾" };

function page() {
  const here = path.value;
  const run = /^\/r\/([^/]+)\/?$/.exec(here);
  if (run) return <Run key={run[1]} id={decodeURIComponent(run[1])} />;
  if (here === "/") return <Runs />;
  if (here === "/compare") return <Compare />;
  if (here === "/alerts") return <Alerts />;
  return (
    <Empty title="No such page">
      <p>
        <a href="/">The runs</a> are where most things start.
      </p>
    </Empty>
  );
}

function App() {
  const help = useRef<HTMLDialogElement>(null);
  useKeys({ "?": () => help.current?.showModal() });
  const count = firing.value.length;
  const here = path.value;
  const current = (is: boolean) => (is ? "page" : undefined);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        To the content
      </button>
      <nav class="top" aria-label="Pages">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 20" aria-hidden="true">
            <path d="M2 15h6l4.5-13 5 17 3.5-10h9" />
          </svg>
          Runwire
        </a>
        <a href="/" aria-current={current(here === "/" || here.startsWith("/r/") || here === "/compare")}>
          Runs
        </a>
        <a href="/alerts" aria-current={current(here === "/alerts")}>
          Alerts {count > 0 && <span class="count">{count}</span>}
        </a>
        <span class="space" />
        <a href="/api/docs" target="_blank" rel="noreferrer">
          API
        </a>
        <button
          type="button"
          class="plain"
          title={`Colours: ${theme.value}`}
          aria-label={`Colours: ${theme.value}. Change to ${NEXT[theme.value]}`}
          onClick={() => choose(NEXT[theme.value])}
        >
          {SIGNS[theme.value]}
        </button>
        <button type="button" class="plain" title="Keys" aria-label="Keys" onClick={() => help.current?.showModal()}>
          ?
        </button>
      </nav>
      <Reach />
      <main id="main" tabIndex={-1}>
        {page()}
      </main>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes a dialog on Escape */}
      <dialog ref={help} aria-label="Keys" onClick={(event) => event.target === help.current && help.current?.close()}>
        <form method="dialog">
          <h2>Keys</h2>
          <dl>
            {KEYS.map(([keys, does]) => (
              <div key={does}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
          <p class="quiet">On a chart: drag to zoom, double click for one step out, back undoes.</p>
          <button type="submit" class="main">
            Close
          </button>
        </form>
      </dialog>
    </>
  );
}

function Reach() {
  const since = unreachable.value;
  return (
    <div class="reach" role="status">
      {since !== null && (
        <p>
          The server has been out of reach for {duration((now.value - since) / 1000)}: what you see is from before.
          Asking again by itself; <code>runwire status</code> tells whether it runs, <code>runwire up</code> starts it.
        </p>
      )}
    </div>
  );
}

watchAlerts();
title(
  () => firing.value.length,
  () => {
    const run = /^\/r\/([^/]+)/.exec(path.value);
    return run ? `${decodeURIComponent(run[1])} · Runwire` : "Runwire";
  },
);
render(<App />, document.getElementById("app") as HTMLElement);
