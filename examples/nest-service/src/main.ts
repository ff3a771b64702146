import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { AppModule } from './app.module.js'

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
// SIGTERM closes the server, then runs the lifecycle hooks of the modules, then exits.
app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true })
await app.listen(process.env['PORT'] ?? 3000)
console.log(`Users: ${(await app.getUrl()).replace('[::1]', 'localhost')}/users/42`)
