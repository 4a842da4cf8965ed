/* Claims and their values in words, and what is said of errors: Chinese first, English second. */

import { RefusedError } from "./http.js";

const known = JSON.parse(document.getElementById("wallet").dataset.words);
const STATE = new Set(["enrolment_status", "child_enrolment_status"]);

export const labelOf = (name) => ({ zh: known.zh[name] ?? name, en: known.en[name] ?? "" });

/* What the issuer's metadata call something (`display`). */
export function named(display) {
  const of = (locale) => display.find((one) => one.locale === locale)?.name ?? "";
  return { zh: of("zh-CN"), en: of("en") };
}

export function valueOf(name, value) {
  if (typeof value === "boolean") return value ? "是" : "否";
  if (STATE.has(name)) return value === "active" ? "在籍" : String(value);
  return known[name.replace(/^child_/, "")]?.[value] ?? String(value);
}

export const day = (seconds) =>
  new Intl.DateTimeFormat("zh-CN", { dateStyle: "long", timeZone: "Asia/Shanghai" }).format(seconds * 1000);

const ERRORS = {
  foreign_origin: ["链接不是本网站的，未予处理。", "The link is not of this site; nothing was done."],
  invalid_grant: ["验证码不正确，或该链接已使用、已失效。", "The digits are wrong, or the link was used or is over."],
  invalid_offer: ["无法识别该领取链接。", "The offer cannot be read."],
  invalid_request: ["链接无效或已失效，请对方重新提供。", "The link does not hold or is over; ask for a new one."],
  invalid_token: ["该领取链接已使用，请向学校重新申领。", "The offer was used; ask the school for a new one."],
  used: ["该凭证已使用，请重试。", "The credential was used; try again."],
};
const NETWORK = ["网络中断或系统繁忙，请稍后重试。", "The network or the system is away; try again later."];
const OTHER = ["未能完成，请重试。", "It was not done; try again."];

export function errorOf(error) {
  let found = OTHER;
  if (error instanceof RefusedError) found = ERRORS[error.code] ?? (error.status >= 429 ? NETWORK : OTHER);
  else if (error instanceof TypeError) found = NETWORK; // what fetch throws without a network
  return { zh: found[0], en: found[1] };
}
