// Light, dark, or as the system says. Nothing is stored: a page from disk leaves no trace.
(() => {
  "use strict";
  const button = document.getElementById("theme");
  if (!button) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark";
  });
  button.textContent = dark.matches ? "Light" : "Dark";
  button.hidden = false;
})();
