// Opens an encrypted extract with jose, line by line: stdin {lines, jwk}, stdout {plain, headers}.
import { compactDecrypt, importJWK } from "jose";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { lines, jwk } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
const key = await importJWK(jwk, jwk.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW");
const plain = [];
const headers = [];
for (const line of lines) {
  const opened = await compactDecrypt(line, key, {
    keyManagementAlgorithms: ["ECDH-ES+A256KW", "RSA-OAEP-256"],
    contentEncryptionAlgorithms: ["A256GCM"],
  });
  plain.push(Buffer.from(opened.plaintext));
  headers.push(opened.protectedHeader);
}
console.log(JSON.stringify({ plain: Buffer.concat(plain).toString("base64"), headers }));
