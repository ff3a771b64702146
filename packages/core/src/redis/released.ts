/** What is told of a lease that was given back, before its name: the load failed, or brought nothing to be stored. */
export const FRUITLESS = '-'
export const BARREN = '0'
