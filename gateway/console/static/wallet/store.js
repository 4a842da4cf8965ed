/* What the wallet keeps, in IndexedDB: one-time credentials with their keys, and the batches they came in. */

const opened = new Promise((resolve, reject) => {
  const asked = indexedDB.open("xueji-wallet", 1);
  asked.onupgradeneeded = () => {
    asked.result.createObjectStore("batches", { keyPath: "id" });
    asked.result.createObjectStore("credentials", { keyPath: "id", autoIncrement: true });
  };
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});
opened.catch(() => undefined); // told where it is used

/* Runs `work` on both stores; resolves with its result when the transaction is durable. */
async function run(mode, work) {
  const database = await opened;
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(["batches", "credentials"], mode, { durability: "strict" });
    const result = {};
    transaction.oncomplete = () => resolve(result.value);
    transaction.onabort = () => reject(transaction.error);
    work(transaction.objectStore("batches"), transaction.objectStore("credentials"), result);
  });
}

export const add = (batch, held) =>
  run("readwrite", (batches, credentials) => {
    batches.add(batch);
    for (const one of held) credentials.add({ ...one, batch: batch.id, used: false });
  });

export const batches = () =>
  run("readonly", (stored, _credentials, result) => {
    stored.getAll().onsuccess = ({ target }) => (result.value = target.result);
  });

/* The credentials that were not used, oldest first. */
export const unused = () =>
  run("readonly", (_batches, stored, result) => {
    stored.getAll().onsuccess = ({ target }) => (result.value = target.result.filter((one) => !one.used));
  });

/* Takes one credential for its one use: `false` when another window was first. It is never offered again. */
export const take = (id) =>
  run("readwrite", (_batches, stored, result) => {
    result.value = false;
    stored.get(id).onsuccess = ({ target }) => {
      if (!target.result || target.result.used) return;
      stored.put({ ...target.result, used: true });
      result.value = true;
    };
  });

export const drop = (id) => run("readwrite", (_batches, stored) => stored.delete(id));

/* Deletes what was used or has expired, and batches of which nothing is left. */
export const sweep = (now) =>
  run("readwrite", (batches, stored) => {
    stored.getAll().onsuccess = ({ target }) => {
      const kept = target.result.filter((one) => !one.used && one.expires > now);
      const here = new Set(kept.map((one) => one.batch));
      for (const one of target.result) if (!kept.includes(one)) stored.delete(one.id);
      batches.getAllKeys().onsuccess = (found) => {
        for (const id of found.target.result) if (!here.has(id)) batches.delete(id);
      };
    };
  });

export const clear = () =>
  run("readwrite", (batches, stored) => {
    batches.clear();
    stored.clear();
  });
