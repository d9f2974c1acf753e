// Keys: j and k go through a list, x chooses a row, other keys go to what a page marks with data-key, ? says which there are.
// Nothing happens while somebody types, and whoever wants turns them off.
(() => {
  const OFF = "brevet-keys-off";
  const off = () => { try { return localStorage.getItem(OFF) !== null; } catch { return false; } };
  const types = (at) => at.isContentEditable || at.matches("textarea, select, input:not([type=checkbox]):not([type=radio])");
  // A row's link, or the row itself where it leads nowhere.
  const head = (row) => row.querySelector("a[href]") ?? (row.hasAttribute("tabindex") ? row : null);
  const rows = () => [...document.querySelectorAll("[data-rows] > tr:not(.gone)")].filter(head);

  const step = (by) => {
    const all = rows();
    const here = all.indexOf(document.activeElement?.closest("[data-rows] > tr"));
    const to = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
    if (all[to]) head(all[to]).focus();
  };

  const pressed = (event) => {
    const dialog = document.getElementById("keys");
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !dialog) return;
    const at = event.target instanceof Element ? event.target : document.body;
    if (dialog.open || types(at) || off()) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "x") at.closest("[data-rows] > tr")?.querySelector("input[type=checkbox]")?.click();
    else if (event.key === "?") dialog.showModal();
    else {
      const wanted = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
      if (!wanted) return;
      wanted.scrollIntoView({ block: "nearest" });
      wanted.focus();
    }
    event.preventDefault();
  };

  const start = () => {
    const dialog = document.getElementById("keys");
    if (!dialog?.showModal) return;
    const button = document.getElementById("keys-open");
    const on = document.getElementById("keys-on");
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
    on.checked = !off();
    on.addEventListener("change", () => {
      try { if (on.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1"); } catch { /* not kept, then */ }
    });
    document.addEventListener("keydown", pressed);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
