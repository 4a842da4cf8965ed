/* Counts down beside the QR code, says where the request stands, and loads the page again when it is over. */
"use strict";

const waits = document.getElementById("waits");

if (waits) {
  const left = document.getElementById("waits-left");
  const ends = performance.now() + Number(waits.dataset.seconds) * 1000;

  const count = () => {
    const seconds = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
    left.textContent = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
  };

  const look = async () => {
    let answer;
    try {
      answer = await fetch(waits.dataset.poll, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    } catch {
      setTimeout(look, 4000); // the network went away for a moment
      return;
    }
    if (!answer.ok || answer.redirected) {
      location.reload(); // the session may be over: the page itself says what is wrong
      return;
    }
    const found = await answer.json();
    if (found.over) {
      location.reload();
      return;
    }
    document.getElementById("waits-zh").textContent = found.words.zh;
    document.getElementById("waits-en").textContent = found.words.en;
    setTimeout(look, 1200);
  };

  setInterval(count, 500);
  setTimeout(look, 1200);
}
