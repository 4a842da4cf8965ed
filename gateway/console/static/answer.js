/* Sends the answer of a sign-in on to the service; without scripts the button does it. */
"use strict";

const answer = document.getElementById("answer");

if (answer) {
  answer.submit();
}
