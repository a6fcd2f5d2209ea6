// Looks again every ten seconds, unless it is paused, somebody is in a table, or the page isn't seen.
"use strict";
(() => {
  const parts = document.getElementById("parts");
  const away = document.getElementById("away");
  const button = document.getElementById("pause");
  let paused = false;
  let looking = false;
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Go on" : "Pause";
  });
  async function look() {
    const answer = await fetch("/dashboard/parts", { credentials: "same-origin", signal: AbortSignal.timeout(20000) });
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    parts.innerHTML = await answer.text();
  }
  setInterval(async () => {
    if (paused || looking || document.hidden || parts.contains(document.activeElement)) return;
    looking = true;
    try {
      await look();
      away.textContent = "";
    } catch {
      away.textContent = "The server doesn’t answer: what follows is as old as it says.";
    } finally {
      looking = false;
    }
  }, 10000);
})();
