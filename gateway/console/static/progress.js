/* Keeps the progress of an extract fresh, and loads the page again when it is finished. */
"use strict";

const live = document.getElementById("live");

async function look() {
  let answer;
  try {
    answer = await fetch(live.dataset.poll, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  } catch {
    setTimeout(look, 4000); // the network went away for a moment
    return;
  }
  if (!answer.ok || answer.redirected) {
    location.reload(); // the session may be over: the page itself says what is wrong
    return;
  }
  const found = await answer.json();
  if (!found.running) {
    location.reload();
    return;
  }
  live.innerHTML = found.fragment;
  setTimeout(look, 1000);
}

if (live) {
  setTimeout(look, 700);
}
