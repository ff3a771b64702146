/** Makes an element. Text is only ever a text node: names may say anything. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Replaces the text where it has changed, so that selections and screen readers are not disturbed. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no element #${id}`)
  return element
}

/** A table in a box that scrolls, also by keyboard. */
export function scrollingTable(caption: string, columns: readonly string[]): { box: HTMLElement; body: HTMLElement } {
  const body = el('tbody')
  const header = el('tr', {}, ...columns.map((column) => el('th', { scope: 'col' }, column)))
  const table = el('table', {}, el('caption', {}, caption), el('thead', {}, header), body)
  return { box: el('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': caption }, table), body }
}
