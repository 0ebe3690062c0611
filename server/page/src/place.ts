/** Where the page is: the URL is the one truth, every change of it a history entry unless it is typing. */

import { computed, signal } from "@preact/signals";

const read = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });

export const place = signal(read());

export const path = computed(() => place.value.path);

addEventListener("popstate", () => {
  place.value = read();
});

export function go(url: string, { replace = false } = {}): void {
  if (url === location.pathname + location.search) return;
  const leaves = new URL(url, location.href).pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  place.value = read();
  if (leaves) scrollTo(0, 0);
}

export function param(name: string): string {
  return place.value.query.get(name) ?? "";
}

/** Change some parameters of the query; an empty value takes one out. */
export function set(changes: Record<string, string>, options?: { replace?: boolean }): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  go(location.pathname + written(query), options);
}

/** A query as it stands in an address. Commas and slashes are common in its values and may stay as they are. */
export function written(query: URLSearchParams): string {
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text && `?${text}`;
}

/** A click on a link of the page's own goes there without a load. */
addEventListener("click", (event) => {
  const link = (event.target as Element).closest?.("a");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.origin !== location.origin || link.target || link.pathname.startsWith("/api")) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
