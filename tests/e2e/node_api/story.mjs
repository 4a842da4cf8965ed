// A recipient's system that is not ours: openid-client gets the token, fetch calls the API, jose verifies the manifest.
// Task on standard input, result on standard output, both JSON.
import * as client from 'openid-client'
import { compactVerify, importJWK } from 'jose'
import { createHash } from 'node:crypto'

const task = JSON.parse(await new Response(process.stdin).text())
const key = await crypto.subtle.importKey('jwk', task.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const config = await client.discovery(new URL(task.issuer), task.clientId, undefined,
  client.PrivateKeyJwt({ key, kid: task.jwk.kid }), { algorithm: 'oauth2', execute: [client.allowInsecureRequests] })
const token = await client.clientCredentialsGrant(config)
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function call(method, path, body, headers = {}) {
  const answer = await fetch(task.issuer + path, {
    method,
    headers: { authorization: `Bearer ${token.access_token}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
  })
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) }
}
const told = (answer) => ({ status: answer.status, ...JSON.parse(answer.bytes) })
const result = { scope: token.scope }

if (task.apply) {
  result.application = told(await call('POST', '/v1/applications', task.apply))
  result.incomplete = told(await call('POST', '/v1/applications', { ...task.apply, terms_accepted: false }))
}
if (task.grant) {
  const extracts = `/v1/grants/${task.grant}/extracts`
  result.beyond = told(await call('POST', extracts, { format: 'csv', fields: ['school_code', 'name_masked'] }))
  let extract = told(await call('POST', extracts, { format: 'csv' }))
  for (let round = 0; round < 300 && extract.state !== 'ready' && extract.state !== 'failed'; round += 1) {
    await new Promise((done) => setTimeout(done, 100))
    extract = told(await call('GET', `/v1/extracts/${extract.id}`))
  }
  result.extract = extract
  const path = `/v1/extracts/${extract.id}/content`
  const head = await call('HEAD', path)
  result.head = { status: head.status, length: Number(head.headers.get('content-length')), bytes: head.bytes.length }
  const middle = Math.floor(extract.bytes / 2)
  const first = await call('GET', path, undefined, { range: `bytes=0-${middle - 1}` })
  const etag = first.headers.get('etag')
  const rest = await call('GET', path, undefined, { range: `bytes=${middle}-`, 'if-range': etag })
  const whole = await call('GET', path)
  const changed = await call('GET', path, undefined, { range: 'bytes=0-9', 'if-range': '"another"' })
  const last = await call('GET', path, undefined, { range: 'bytes=-10' })
  const odd = await call('GET', path, undefined, { range: 'lines=1-2' })
  const several = await call('GET', path, undefined, { range: 'bytes=0-1,4-5' })
  const outside = await call('GET', path, undefined, { range: `bytes=${extract.bytes}-` })
  result.ranges = {
    statuses: [first.status, rest.status, whole.status],
    content: [first.headers.get('content-range'), rest.headers.get('content-range')],
    equal: Buffer.concat([first.bytes, rest.bytes]).equals(whole.bytes),
    digest: whole.headers.get('content-digest'),
    changed: [changed.status, changed.bytes.length],
    last: [last.status, last.bytes.equals(whole.bytes.subarray(-10))],
    ignored: [odd.status, several.status],
    outside: [outside.status, outside.headers.get('content-range'), outside.headers.get('content-type')],
  }
  result.sha256 = sha256(whole.bytes)
  result.text = whole.bytes.toString('utf8')
  const manifest = (await call('GET', `/v1/extracts/${extract.id}/manifest`)).bytes.toString('ascii')
  const verified = await compactVerify(manifest, await importJWK(task.grantKey, 'ES256'))
  result.manifest = JSON.parse(new TextDecoder().decode(verified.payload))
  const parts = manifest.split('.')
  const forged = [parts[0], Buffer.from(JSON.stringify({ ...result.manifest, rows: 1 })).toString('base64url'), parts[2]]
  result.forged = await compactVerify(forged.join('.'), await importJWK(task.grantKey, 'ES256')).then(() => 'accepted', () => 'refused')
}
console.log(JSON.stringify(result))
