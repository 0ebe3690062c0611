/** Light or dark: as the system has it, until somebody says otherwise. The one thing that is not in the URL. */

import { signal } from "@preact/signals";
import { forget } from "./chart/ink";

export type Theme = "system" | "light" | "dark";

const stored = localStorage.getItem("theme");

export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");

/** Rises when the colours change: what draws on a canvas reads it. */
export const colours = signal(0);

function apply(): void {
  document.documentElement.dataset.theme = theme.peek();
  forget();
  colours.value += 1;
}

export function choose(next: Theme): void {
  theme.value = next;
  if (next === "system") localStorage.removeItem("theme");
  else localStorage.setItem("theme", next);
  apply();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
apply();
