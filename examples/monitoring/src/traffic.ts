// Asks the service at this address for forecasts, ten times a second, for some cities more often than for others.
import { setTimeout as pause } from 'node:timers/promises'

const CITIES = ['Oslo', 'Rome', 'Lima', 'Cairo', 'Delhi', 'Tokyo', 'Quito', 'Dakar', 'Perth', 'Minsk', 'Hanoi', 'Paris']

const [service = 'http://localhost:3000'] = process.argv.slice(2)
for (;;) {
  const city = CITIES[Math.floor(Math.random() ** 2 * CITIES.length)]
  const asked = fetch(new URL(`/${city}`, service), { signal: AbortSignal.timeout(5_000) })
  await asked.then((answer) => answer.text()).catch((error) => console.error(`${service}: ${error.message}`))
  await pause(100)
}
