/** What `ambient.d.ts` promises, as far as a block that is run can need it. */
globalThis.fetchUser = async (id) => ({ id: String(id), name: 'Ada' })
globalThis.db = { findUser: globalThis.fetchUser }
