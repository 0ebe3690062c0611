/** The runs: what runs, what ended how, and what differs between them. */

import { useState } from "preact/hooks";
import type { Run } from "../api";
import * as api from "../api";
import { colour } from "../colour";
import { duration, integer, isNonFinite, number, plural } from "../format";
import { focusFilter, useKeys } from "../keys";
import { now, usePoll } from "../live";
import { Ago, Empty, Failure, Search, State, Value } from "../parts";
import { go, param, set } from "../place";
import { type Group, grouped, groupings, spread } from "./groups";

interface Column {
  /** Its name in the URL. */
  name: string;
  head: string;
  value: (run: Run) => unknown;
  cell: (run: Run) => preact.ComponentChild;
  number?: boolean;
  /** Whether it makes sense to say what the numbers of several runs come to. */
  sums?: boolean;
}

const CONFIG_MAX = 4;
const SUMMARY_MAX = 4;
const GROUPINGS_MAX = 12;
/** So many rows are drawn at first; more are a click away. */
const ROWS = 200;

const EXAMPLE = `import runwire

with runwire.init(project="first", config={"lr": 0.1}) as run:
    for step in range(1000):
        run.log({"loss": 1 / (step + 1)}, step=step)`;

export function Runs() {
  const polled = usePoll(api.runs, () => 1500).value;
  const [at, setAt] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const query = param("q");
  const sort = param("sort") || "-started";
  const selected = new Set(param("sel").split(",").filter(Boolean));
  const by = param("group");
  const open = new Set(param("open").split(",").filter(Boolean).map(decodeURIComponent));

  const runs = polled.value ?? [];
  const shown = runs.filter(matches(query));
  const columns = columnsOf(shown);
  order(shown, columns, sort);
  const groups = by ? grouped(shown, by) : null;
  const listed = groups ? groups.flatMap((group) => (open.has(group.value) ? group.runs : [])) : shown;
  const rows = all ? listed : listed.slice(0, ROWS);
  const drawn = new Set(rows);

  const select = (ids: string[], on: boolean) => {
    for (const id of ids) on ? selected.add(id) : selected.delete(id);
    set({ sel: [...selected].join(",") }, { replace: true });
  };
  const toggle = (value: string) => {
    if (!open.delete(value)) open.add(value);
    set({ open: [...open].map(encodeURIComponent).join(",") }, { replace: true });
  };
  const compare = () => {
    if (selected.size > 0) go(`/compare?runs=${[...selected].map(encodeURIComponent).join(",")}`);
  };
  const move = (by: number) => {
    const index = rows.findIndex((run) => run.id === at);
    const next = rows[Math.min(rows.length - 1, Math.max(0, index + by))];
    if (!next) return;
    setAt(next.id);
    document.getElementById(`run-${next.id}`)?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    "/": focusFilter,
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => at && go(`/r/${encodeURIComponent(at)}`),
    x: () => at && select([at], !selected.has(at)),
    c: compare,
  });

  const row = (run: Run) => (
    <tr key={run.id} id={`run-${run.id}`} class={run.id === at ? "at" : undefined} aria-selected={selected.has(run.id)}>
      <td class="check">
        <input
          type="checkbox"
          aria-label={`Select ${run.name}`}
          checked={selected.has(run.id)}
          onChange={(event) => select([run.id], event.currentTarget.checked)}
        />
      </td>
      {columns.map((column) => (
        <td key={column.name} class={column.number ? "number" : `of-${column.name}`}>
          {column.cell(run)}
        </td>
      ))}
    </tr>
  );

  if (polled.error && !polled.value) return <Failure error={polled.error} />;
  if (!polled.value) return <p class="waiting">Loading…</p>;
  if (runs.length === 0) {
    return (
      <Empty title="No runs yet">
        <p>See two real trainings, one of which ends in NaN:</p>
        <pre>runwire demo</pre>
        <p>Or log your own from Python:</p>
        <pre>{EXAMPLE}</pre>
      </Empty>
    );
  }
  return (
    <>
      <div class="bar">
        <h1>Runs</h1>
        <Search
          label="Filter by name, project, tag, state"
          value={query}
          change={(q) => set({ q }, { replace: true })}
        />
        <select
          aria-label="Group by"
          value={by}
          onChange={(event) => set({ group: event.currentTarget.value, open: "" })}
        >
          <option value="">No groups</option>
          {[...new Set([...groupings(runs, differing(runs, GROUPINGS_MAX)), ...(by ? [by] : [])])].map((name) => (
            <option key={name} value={name}>
              by {name.replace(/^config\./, "").replace("_", " ")}
            </option>
          ))}
        </select>
        <span class="quiet" role="status">
          {shown.length === runs.length
            ? plural(runs.length, "run")
            : `${integer(shown.length)} of ${plural(runs.length, "run")}`}
          {runs.length >= api.RUNS_MAX && ", the last that started"}
        </span>
        <span class="space" />
        {selected.size > 0 && (
          <>
            <button type="button" class="plain" onClick={() => set({ sel: "" })}>
              Clear
            </button>
            <button type="button" class="main" onClick={compare}>
              Compare {selected.size}
            </button>
          </>
        )}
      </div>
      {shown.length === 0 ? (
        <Empty title="No run matches">
          <button type="button" onClick={() => set({ q: "" })}>
            Clear the filter
          </button>
        </Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
        <section class="scroll" tabIndex={0} aria-label="Table of runs">
          <table class="rows" aria-rowcount={listed.length + (groups?.length ?? 0) + 1}>
            <thead>
              <tr>
                <th class="check">
                  <span class="hidden">Selected</span>
                </th>
                {columns.map((column) => (
                  <Head key={column.name} column={column} sort={sort} />
                ))}
              </tr>
            </thead>
            <tbody>
              {groups
                ? groups.flatMap((group) => [
                    <GroupRow
                      key={`group ${group.value}`}
                      group={group}
                      columns={columns}
                      open={open.has(group.value)}
                      toggle={() => toggle(group.value)}
                      selected={selected}
                      select={select}
                    />,
                    ...(open.has(group.value) ? group.runs.filter((run) => drawn.has(run)).map(row) : []),
                  ])
                : rows.map(row)}
            </tbody>
          </table>
          {rows.length < listed.length && (
            <button type="button" class="more" onClick={() => setAll(true)}>
              {integer(rows.length)} shown: show all {integer(listed.length)}
            </button>
          )}
        </section>
      )}
    </>
  );
}

/** What the runs of a group have in common: how many in which state, and the mean of each number. */
function GroupRow(props: {
  group: Group;
  columns: Column[];
  open: boolean;
  toggle: () => void;
  selected: Set<string>;
  select: (ids: string[], on: boolean) => void;
}) {
  const { value, runs } = props.group;
  const ids = runs.map((run) => run.id);
  const some = ids.filter((id) => props.selected.has(id)).length;
  const states = new Map<string, number>();
  for (const run of runs) states.set(run.state, (states.get(run.state) ?? 0) + 1);
  const cell = (column: Column) => {
    if (column.name === "name")
      return (
        <button type="button" class="plain" aria-expanded={props.open} onClick={props.toggle}>
          <span aria-hidden="true">{props.open ? "▾" : "▸"}</span> {value || <span class="none">none</span>}{" "}
          <span class="quiet">{plural(runs.length, "run")}</span>
        </button>
      );
    if (column.name === "state")
      return [...states].map(([state, count]) => (
        <span key={state} class="part">
          {integer(count)} <State state={state} />
        </span>
      ));
    return column.sums && <SpreadOf values={runs.map(column.value)} />;
  };
  return (
    <tr class="group">
      <td class="check">
        <input
          type="checkbox"
          aria-label={`Select ${value || "those of none"}`}
          checked={some === ids.length}
          indeterminate={some > 0 && some < ids.length}
          onChange={(event) => props.select(ids, event.currentTarget.checked)}
        />
      </td>
      {props.columns.map((column) => (
        <td key={column.name} class={column.number ? "number" : `of-${column.name}`}>
          {cell(column)}
        </td>
      ))}
    </tr>
  );
}

function SpreadOf({ values }: { values: unknown[] }) {
  const sums = spread(values);
  if (!sums) return null;
  const { count, mean, min, max, nonfinite } = sums;
  const said = `mean of ${integer(count)}: ${number(mean)}, from ${number(min)} to ${number(max)}`;
  return (
    <>
      {nonfinite > 0 && <span class="bad">{integer(nonfinite)} not finite </span>}
      {count > 0 && (
        <span title={said}>
          {number(mean)}
          {min < max && (
            <span class="quiet">
              {" "}
              {number(min)} … {number(max)}
            </span>
          )}
        </span>
      )}
    </>
  );
}

function Head({ column, sort }: { column: Column; sort: string }) {
  const down = sort === `-${column.name}`;
  const up = sort === column.name;
  const next = down ? column.name : up ? `-${column.name}` : column.number ? `-${column.name}` : column.name;
  return (
    <th class={column.number ? "number" : undefined} aria-sort={down ? "descending" : up ? "ascending" : undefined}>
      <button type="button" onClick={() => set({ sort: next })}>
        {column.head}
        <span aria-hidden="true">{down ? " ↓" : up ? " ↑" : ""}</span>
      </button>
    </th>
  );
}

const FRONT: Column[] = [
  {
    name: "name",
    head: "Name",
    value: (run) => run.name,
    cell: (run) => (
      <a href={`/r/${encodeURIComponent(run.id)}`}>
        <span class={`swatch line${colour(run.id)}`} aria-hidden="true" />
        {run.name}
        {run.name !== run.id && <span class="id">{run.id}</span>}
      </a>
    ),
  },
  { name: "state", head: "State", value: (run) => run.state, cell: (run) => <State state={run.state} /> },
  {
    name: "step",
    head: "Step",
    number: true,
    sums: true,
    value: (run) => run.last_step,
    cell: (run) => (run.last_step === null ? <span class="none">–</span> : integer(run.last_step)),
  },
  {
    name: "seen",
    head: "Seen",
    number: true,
    value: (run) => api.time(run.seen_at),
    cell: (run) => <Ago at={run.seen_at} />,
  },
];

const BACK: Column[] = [
  {
    name: "started",
    head: "Started",
    number: true,
    value: (run) => api.time(run.started_at),
    cell: (run) => <Ago at={run.started_at} />,
  },
  {
    name: "took",
    head: "Took",
    number: true,
    value: took,
    cell: (run) => duration(took(run)),
  },
  { name: "project", head: "Project", value: (run) => run.project, cell: (run) => run.project },
  {
    name: "tags",
    head: "Tags",
    value: (run) => run.tags.join(" "),
    cell: (run) =>
      run.tags.map((tag) => (
        <span key={tag} class="tag">
          {tag}
        </span>
      )),
  },
];

/** Seconds that the run has taken so far. */
export function took(run: Run): number {
  const end = run.state === "running" ? now.value : api.time(run.ended_at ?? run.seen_at);
  return (end - api.time(run.started_at)) / 1000;
}

function matches(query: string): (run: Run) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (run) => {
    const text = [run.id, run.name, run.project, run.state, ...run.tags].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/** The columns of these runs: those of every table, the config that differs, the summary values that most have. */
function columnsOf(runs: Run[]): Column[] {
  const has = { step: runs.some((run) => run.last_step !== null), tags: runs.some((run) => run.tags.length > 0) };
  const kept = ({ name }: Column) => has[name as keyof typeof has] ?? true;
  return [
    ...FRONT.filter(kept),
    ...common(runs).map((key) => free("summary", key)),
    ...differing(runs).map((key) => free("config", key)),
    ...BACK.filter(kept),
  ];
}

function free(kind: "config" | "summary", key: string): Column {
  return {
    name: `${kind}.${key}`,
    head: key,
    number: true,
    sums: true,
    value: (run) => run[kind][key],
    cell: (run) => <Value value={run[kind][key]} />,
  };
}

export function differing(runs: Run[], max = CONFIG_MAX): string[] {
  const values = new Map<string, Set<string>>();
  for (const run of runs) {
    for (const key of Object.keys(run.config)) values.set(key, values.get(key) ?? new Set());
  }
  for (const [key, seen] of values) for (const run of runs) seen.add(JSON.stringify(run.config[key]));
  return [...values.keys()].filter((key) => (values.get(key) as Set<string>).size > 1).slice(0, max);
}

function common(runs: Run[]): string[] {
  const counts = new Map<string, number>();
  for (const run of runs) {
    for (const [key, value] of Object.entries(run.summary)) {
      if (typeof value === "number" || isNonFinite(value)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const main = (key: string) => (/loss|acc|score|reward/i.test(key) ? 1 : 0);
  return [...counts.keys()]
    .sort((a, b) => main(b) - main(a) || (counts.get(b) as number) - (counts.get(a) as number))
    .slice(0, SUMMARY_MAX);
}

function order(runs: Run[], columns: Column[], sort: string): void {
  const name = sort.replace(/^-/, "");
  const column = [...columns, ...BACK].find((item) => item.name === name);
  if (!column) return;
  const sign = sort.startsWith("-") ? -1 : 1;
  const blank = (value: unknown) => value === null || value === undefined || value === "";
  runs.sort((one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    if (blank(a) || blank(b)) return Number(blank(a)) - Number(blank(b));
    // Numbers by size, with those that are not finite behind them; all else as text.
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  });
}
