import { Module } from '@nestjs/common'
import { CacheModule } from './cache.module.js'
import { UsersController } from './users.controller.js'

@Module({ imports: [CacheModule], controllers: [UsersController] })
export class AppModule {}
