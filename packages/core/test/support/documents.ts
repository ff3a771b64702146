/** A page of records as applications cache them, of about so many bytes of JSON. */
export function pageOf(bytes: number): { readonly items: readonly object[] } {
  const items = Array.from({ length: Math.ceil(bytes / 170) }, (_, id) => ({
    id: `customer-${(id * 7_919) % 10_007}`,
    name: `Customer number ${id}`,
    email: `customer.${(id * 104_729) % 99_991}@example.org`,
    active: id % 3 !== 0,
    score: id / 7,
    address: { city: 'Heidelberg', country: 'DE' },
  }))
  return { items }
}
