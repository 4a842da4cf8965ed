/* A button that prints the page: handlers in attributes are not allowed under our content security policy. */

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
