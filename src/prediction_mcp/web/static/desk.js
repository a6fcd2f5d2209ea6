// Looks again every ten seconds, unless it is paused, somebody is in a table, or the page isn't seen.
"use strict";
(() => {
  const parts = document.getElementById("parts");
  const button = document.getElementById("pause");
  let paused = false;
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Go on" : "Pause";
  });
  setInterval(async () => {
    if (paused || document.hidden || parts.contains(document.activeElement)) return;
    try {
      const answer = await fetch("/dashboard/parts", { credentials: "same-origin" });
      if (answer.status === 401) location.reload();
      else if (answer.ok) parts.innerHTML = await answer.text();
    } catch {
      // the server is away: what is shown stays, and is tried again
    }
  }, 10000);
})();
