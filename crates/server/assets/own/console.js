// What pages do beyond reading and sending forms: local times, countdowns, live updates. Everything works without it.
(() => {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const seconds = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  const left = (until) => {
    let seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
    const parts = [];
    for (const [name, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
      const count = Math.floor(seconds / size);
      seconds -= count * size;
      if (count > 0 || (name === "s" && parts.length === 0)) parts.push(`${count} ${name}`);
    }
    return parts.slice(0, 2).join(" ");
  };

  const local = new WeakMap();

  // WHY: what is written again, though it is the same, counts as a change, and changes are watched below.
  const says = (element, words) => { if (element.textContent !== words) element.textContent = words; };

  const times = (within) => {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (time.dataset.until !== undefined) {
        says(time, moment > Date.now() ? `${left(moment)} left` : "over");
      } else {
        if (local.get(time)?.of !== time.dateTime) local.set(time, { of: time.dateTime, words: (time.dataset.seconds === undefined ? zone : seconds).format(moment) });
        says(time, local.get(time).words);
      }
    }
  };

  const sends = (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  };

  // What belongs to another choice is out of sight; it is sent all the same, so nothing is lost.
  const needed = (form) => {
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, values] = part.dataset.when.split("=");
      const control = form.elements.namedItem(name);
      part.hidden = control !== null && !values.split("|").includes(control.value);
    }
  };

  const copies = (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copies).textContent;
    navigator.clipboard.writeText(text).then(() => { button.textContent = "Copied"; }, () => { button.textContent = "Copying is not allowed here"; });
  };

  // Something is new: the parts of the page that want to know ask for themselves (hx-trigger="news from:body").
  const live = () => {
    const lost = document.getElementById("lost");
    const wanted = document.querySelector('[hx-trigger~="news"]');
    if (!wanted || !window.EventSource) return;
    const SILENT = 25000;
    let stream = null;
    let wait = 1000;
    let heard = 0;
    let again = 0;
    // Up to where the page knows of what is new, as the server says it: from when the page was made, then from what the stream told.
    let known = document.body.dataset.news;
    // There was news that the page did not look for, or that it did not get.
    let missed = false;
    let out = false;
    // Nothing changes under a pointer that is on its way to a row, or to a button of the form for several rows.
    const STILL = 2000;
    let moved = 0;
    let later = 0;
    const moves = (event) => { if (event.target instanceof Element && event.target.closest("[data-rows], #several")) moved = Date.now(); };
    for (const name of ["pointermove", "pointerdown"]) document.addEventListener(name, moves, { passive: true });
    const news = () => {
      clearTimeout(later);
      const still = moved + STILL - Date.now();
      if (document.hidden) missed = true;
      else if (still > 0) later = setTimeout(news, still);
      else window.htmx.trigger(document.body, "news");
    };
    const catchUp = () => { if (missed) { missed = false; news(); } };
    // WHY: the browser's own "open" comes once a connection, whatever the server says in it.
    const hears = (name, does) => stream.addEventListener(name, (event) => { heard = Date.now(); does(event); });
    const knows = (event) => {
      if (event.lastEventId) known = event.lastEventId;
      if (out) { out = false; missed = true; }
    };
    const open = () => {
      clearTimeout(again);
      stream?.close();
      // What changed between the page and the stream, the server tells first of all, and nothing where nothing did.
      stream = new EventSource(`/live?since=${encodeURIComponent(known ?? "")}`);
      heard = Date.now();
      hears("open", () => { lost.hidden = true; wait = 1000; });
      hears("news", (event) => { knows(event); missed = false; news(); });
      hears("alive", (event) => { knows(event); catchUp(); });
      // Nobody is signed in here any more. The page stays as it is: what it asks for is answered with words about that.
      hears("signed-out", () => { stream.close(); out = true; news(); });
      stream.addEventListener("error", () => {
        // A stream that ends by itself is opened again by the browser; one that was refused is not.
        if (stream.readyState === EventSource.CLOSED) gone();
        else setTimeout(() => { if (stream.readyState !== EventSource.OPEN) lost.hidden = false; }, 5000);
      });
    };
    const gone = () => {
      stream.close();
      lost.hidden = false;
      clearTimeout(again);
      again = setTimeout(open, wait);
      wait = Math.min(wait * 2, 30000);
    };
    open();
    // The server says every ten seconds that it is there: a connection that is cut without a word is known by its silence.
    setInterval(() => { if (stream.readyState !== EventSource.CLOSED && Date.now() - heard > SILENT) gone(); }, 1000);
    // How many processes run changes without an event: what shows it looks again by itself.
    setInterval(() => { if (!out && document.querySelector("[data-counts]")) news(); }, 10000);
    window.addEventListener("offline", gone);
    window.addEventListener("online", open);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      // Perhaps they signed in meanwhile, in another tab.
      if (out) open();
      else catchUp();
    });
    // What the network or the server could not give now is asked for again; what is not there, or not theirs, is not.
    document.addEventListener("htmx:error", () => { missed = true; });
    document.addEventListener("htmx:response:error", (event) => {
      const { status } = event.detail.ctx.response;
      if (status >= 500 || status === 429) missed = true;
    });
  };

  // Why a part did not come stands above the page, until one comes again.
  const answers = (event) => {
    if (event.detail.ctx?.response?.status < 400) document.getElementById("answers")?.replaceChildren();
  };

  // Somebody was faster, or a request changed: the form for it is gone, and with it what was typed into it, which is shown in its place.
  const typed = (records) => {
    const place = document.querySelector("[data-typed]");
    if (!place) return;
    for (const node of records.flatMap((record) => [...record.removedNodes])) {
      if (!(node instanceof Element) || node.isConnected) continue;
      const words = [...node.querySelectorAll("textarea")].filter((one) => one.value.trim() && one.value !== one.defaultValue).map((one) => one.value);
      if (words.length === 0) continue;
      place.querySelector("[data-words]").textContent = words.join("\n");
      place.hidden = false;
    }
  };

  // Whoever comes to a row by keyboard sees all of it. WHY: a browser brings only what has the focus into view, which in a row of several
  // lines leaves the rest behind the form below it.
  const shows = (event) => {
    if (event.target.matches(":focus-visible")) event.target.closest("[data-rows] > tr")?.scrollIntoView({ block: "nearest" });
  };

  // A row that leaves its list stays where it was, until the page is opened again: what is below it does not move up. Where the
  // list has as many as before, one that came pushed it off the end of a full page.
  const before = new WeakMap();
  const remember = () => { for (const rows of document.querySelectorAll("[data-rows]")) before.set(rows, [...rows.rows]); };
  const stays = (records) => {
    const went = new Set(records.filter((record) => record.removedNodes.length > 0).map((record) => record.target));
    for (const rows of went) {
      const known = before.get(rows);
      if (!known || !rows.isConnected) continue;
      const fewer = rows.rows.length < known.filter((row) => !row.classList.contains("gone")).length;
      for (const [place, row] of known.entries()) {
        if (row.isConnected || !(fewer || row.classList.contains("gone"))) continue;
        if (row.id && document.getElementById(row.id)) continue;
        if (!row.classList.contains("gone")) {
          // Said to who cannot see it, without a line more.
          const said = document.createElement("span");
          said.className = "visually-hidden";
          said.textContent = " (no longer in this list)";
          row.cells[0]?.append(said);
          row.title = "no longer in this list";
        }
        row.classList.add("gone");
        row.removeAttribute("id");
        for (const box of row.querySelectorAll("input")) { box.checked = false; box.disabled = true; }
        rows.insertBefore(row, known.slice(place + 1).find((next) => next.parentNode === rows) ?? null);
      }
    }
    remember();
  };

  // The columns of a live list keep their widths, whatever comes into them: a longer word in a new row wraps there, and moves no other.
  const LIVE = '[hx-trigger~="news"] [data-rows]';
  let widths = new WeakMap();
  const holds = () => {
    for (const rows of document.querySelectorAll(LIVE)) {
      const table = rows.closest("table");
      const cells = [...(table.tHead?.rows[0]?.cells ?? [])];
      const stacked = cells.length === 0 || cells[0].offsetWidth === 0;
      if (stacked) continue;
      if (widths.get(table)?.length !== cells.length) widths.set(table, cells.map((cell) => cell.offsetWidth));
      table.style.tableLayout = "fixed";
      widths.get(table).forEach((width, at) => { cells[at].style.width = `${width}px`; });
    }
  };
  const loosens = () => {
    for (const rows of document.querySelectorAll(LIVE)) {
      const table = rows.closest("table");
      table.style.tableLayout = "";
      for (const cell of table.tHead?.rows[0]?.cells ?? []) cell.style.width = "";
    }
    widths = new WeakMap();
    holds();
  };

  // What is typed as a time, and today, are meant where somebody is: the server knows it by this.
  const tellZone = () => {
    const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (/^[A-Za-z0-9_+\/-]+$/.test(name ?? "")) document.cookie = `__Host-brevet-zone=${name}; Path=/; Secure; SameSite=Lax; Max-Age=31536000`;
  };

  const start = () => {
    tellZone();
    times(document);
    remember();
    holds();
    window.addEventListener("resize", loosens);
    setInterval(() => times(document), 1000);
    document.addEventListener("change", sends);
    document.addEventListener("click", copies);
    for (const button of document.querySelectorAll("[data-copies]")) button.hidden = false;
    for (const form of document.forms) {
      if (!form.querySelector("[data-when]")) continue;
      needed(form);
      form.addEventListener("input", () => needed(form));
    }
    // A live update brings times as the server says them: they are said anew before anybody sees that.
    new MutationObserver((records) => { stays(records); typed(records); times(document); holds(); }).observe(document.body, { childList: true, characterData: true, subtree: true });
    const narrow = window.matchMedia("(max-width: 991px)");
    const folds = () => document.querySelector("details.ways")?.toggleAttribute("open", !narrow.matches);
    folds();
    narrow.addEventListener("change", folds);
    document.addEventListener("focusin", shows);
    document.addEventListener("htmx:after:request", answers);
    live();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
