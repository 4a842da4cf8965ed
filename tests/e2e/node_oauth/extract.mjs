// A recipient's system that is not ours fetches an extract with a token that is bound to its key and good for one
// grant: openid-client does OAuth and DPoP, fetch plays the thief. Task on standard input, result on standard output.
import * as client from 'openid-client'
import { createHash, webcrypto } from 'node:crypto'

const task = JSON.parse(await new Response(process.stdin).text())
const key = await webcrypto.subtle.importKey('jwk', task.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const config = await client.discovery(new URL(task.issuer), task.clientId, undefined,
  client.PrivateKeyJwt({ key, kid: task.jwk.kid }), { algorithm: 'oauth2', execute: [client.allowInsecureRequests] })
const pair = await client.randomDPoPKeyPair('ES256', { extractable: true })
const DPoP = client.getDPoPHandle(config, pair)
const detail = (identifier, ...actions) => JSON.stringify([{ type: 'xueji_grant', identifier, actions }])

async function problem(promise) {
  try {
    await promise
    return 'granted'
  } catch (error) {
    return error.error ?? String(error)
  }
}

const wanted = { authorization_details: detail(task.grant, 'extract') }
const token = await client.clientCredentialsGrant(config, wanted, { DPoP })
const call = (method, path, body) => client.fetchProtectedResource(config, token.access_token, new URL(task.issuer + path),
  method, body && JSON.stringify(body), new Headers(body && { 'content-type': 'application/json' }), { DPoP })

const extracts = `/v1/grants/${task.grant}/extracts`
let extract = await (await call('POST', extracts, { format: 'csv' })).json()
for (let round = 0; round < 300 && extract.state !== 'ready' && extract.state !== 'failed'; round += 1) {
  await new Promise((done) => setTimeout(done, 100))
  extract = await (await call('GET', `/v1/extracts/${extract.id}`)).json()
}
const path = `/v1/extracts/${extract.id}/content`
const content = Buffer.from(await (await call('GET', path)).arrayBuffer())

// the thief has the token, and not the key
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const { d, ext, key_ops, ...jwk } = await webcrypto.subtle.exportKey('jwk', pair.publicKey)
const ath = createHash('sha256').update(token.access_token).digest('base64url')

async function proof(signer, publicJwk, method, url) {
  const header = encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk })
  const claims = encode({ htm: method, htu: url, iat: Math.floor(Date.now() / 1000), jti: webcrypto.randomUUID(), ath })
  const signature = await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, signer, Buffer.from(`${header}.${claims}`))
  return `${header}.${claims}.${Buffer.from(signature).toString('base64url')}`
}

async function attempt(scheme, dpop) {
  const headers = { authorization: `${scheme} ${token.access_token}`, ...(dpop && { dpop }) }
  const answer = await fetch(task.issuer + path, { headers })
  await answer.arrayBuffer()
  return [answer.status, answer.headers.get('www-authenticate')?.match(/error="(\w+)"/)?.[1] ?? null]
}

const other = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
const { d: _d, ext: _ext, key_ops: _ops, ...otherJwk } = await webcrypto.subtle.exportKey('jwk', other.publicKey)
const once = await proof(pair.privateKey, jwk, 'GET', task.issuer + path)
const attempts = {
  bearer: await attempt('Bearer'),
  no_proof: await attempt('DPoP'),
  another_key: await attempt('DPoP', await proof(other.privateKey, otherJwk, 'GET', task.issuer + path)),
  claimed_key: await attempt('DPoP', await proof(other.privateKey, jwk, 'GET', task.issuer + path)),
  another_path: await attempt('DPoP', await proof(pair.privateKey, jwk, 'GET', `${task.issuer}${extracts}`)),
  first: await attempt('DPoP', once),
  replayed: await attempt('DPoP', once),
}

// another grant of the same organisation, by the rightful holder
const deputy = await (await call('POST', `/v1/grants/${task.otherGrant}/extracts`, { format: 'csv' })).json()

const active = await client.tokenIntrospection(config, token.access_token)
await client.tokenRevocation(config, token.access_token)
const revoked = await client.tokenIntrospection(config, token.access_token)
let after
try {
  after = (await call('GET', `/v1/extracts/${extract.id}`)).status
} catch (error) { // openid-client turns a challenge into an error
  after = error.response?.status ?? error.status ?? String(error)
}

console.log(JSON.stringify({
  token: { type: token.token_type, expires_in: token.expires_in, details: token.authorization_details },
  extract,
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
  attempts,
  deputy,
  active,
  thumbprint: createHash('sha256').update(`{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`).digest('base64url'),
  revoked,
  after,
  strange: {
    grant: await problem(client.clientCredentialsGrant(config, { authorization_details: detail(task.foreignGrant, 'extract') }, { DPoP })),
    type: await problem(client.clientCredentialsGrant(config, { authorization_details: '[{"type":"openid_credential"}]' }, { DPoP })),
    unbound: await problem(client.clientCredentialsGrant(config, wanted)),
  },
}))
