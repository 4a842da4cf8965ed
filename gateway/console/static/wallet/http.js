/* Requests to our own origin, without cookies; and the server's time, as a phone's clock may be wrong. */

let ahead = 0;

export const now = () => Math.floor((Date.now() + ahead) / 1000);

/* What the server said no to. `code` is the standard's error code; no text of it is shown. */
export class RefusedError extends Error {
  constructor(status, code) {
    super("refused");
    this.status = status;
    this.code = code;
  }
}

export const isOurs = (address) => {
  try {
    return new URL(address).origin === location.origin;
  } catch {
    return false;
  }
};

export async function call(address, { method = "GET", headers = {}, body } = {}) {
  if (!isOurs(address)) throw new RefusedError(0, "foreign_origin");
  const answer = await fetch(address, {
    method,
    headers,
    body,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
  const date = Date.parse(answer.headers.get("Date") ?? "");
  if (!Number.isNaN(date) && Math.abs(date - Date.now()) > 20_000) ahead = date - Date.now();
  if (answer.ok) return answer;
  let code = "";
  try {
    code = String((await answer.json()).error ?? "");
  } catch {
    code = ""; // a proxy's page, for one
  }
  throw new RefusedError(answer.status, code);
}

export const getJson = async (address, options) => (await call(address, options)).json();
