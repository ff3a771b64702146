import { setTimeout as pause } from 'node:timers/promises'

export interface Forecast {
  readonly city: string
  readonly celsius: number
}

/** Stands for a service that is slow and is paid by the call. */
export async function forecast(city: string): Promise<Forecast> {
  await pause(200)
  return { city, celsius: city.length }
}
