/* Says what is still missing in a ground while it is typed; the server looks, nothing is recorded. */
"use strict";

const PAUSE = 500;

function line(problem) {
  const item = document.createElement("li");
  item.className = "bad";
  const zh = document.createElement("p");
  zh.textContent = problem.zh;
  const en = document.createElement("p");
  en.className = "en";
  en.lang = "en";
  en.textContent = problem.en;
  item.append(zh, en);
  return item;
}

function watch(form) {
  const live = form.querySelector("[data-live]");
  let waiting = 0;
  let asked = 0;

  function show(answer) {
    live.hidden = false;
    live.querySelector("[data-list]").replaceChildren(...answer.problems.map(line));
    live.querySelector("[data-verdict]").hidden = answer.holds;
    live.querySelector("[data-holds]").hidden = !answer.holds;
  }

  async function look() {
    const mine = (asked += 1);
    const typed = new FormData(form);
    const scan = typed.get("scan");
    typed.delete("scan"); // the file itself goes with the form, once
    if (scan && scan.name) {
      typed.set("scan_chosen", "yes");
    }
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body: typed, credentials: "same-origin" });
      if (answer.ok && !answer.redirected && mine === asked) {
        show(await answer.json());
      }
    } catch {
      live.hidden = true; // without the network the form still says all that is wrong when it is sent
    }
  }

  function toggle() {
    const act = form.elements.act;
    for (const part of form.querySelectorAll("[data-act]")) {
      part.hidden = Boolean(act) && part.dataset.act !== act.value;
    }
  }

  function changed() {
    toggle();
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE);
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  toggle();
}

for (const form of document.querySelectorAll("form[data-check]")) {
  watch(form);
}
