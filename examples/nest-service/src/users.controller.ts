import { BadRequestException, Body, Controller, Get, Inject, NotFoundException, Param, Put } from '@nestjs/common'
import type { Cache } from '@otel-cache/core'
import { CACHE } from './cache.module.js'
import { findUser, renameUser, type User } from './database.js'

@Controller('users')
export class UsersController {
  constructor(@Inject(CACHE) private readonly cache: Cache) {}

  @Get(':id')
  async find(@Param('id') id: string): Promise<User> {
    // `null` stands for "no such user": it is cached as well.
    const user = await this.cache.getOrSet(id, () => findUser(id), { tags: ['users'] })
    if (user === null) throw new NotFoundException(`No user ${id}`)
    return user
  }

  @Put(':id/name')
  async rename(@Param('id') id: string, @Body('name') name: unknown): Promise<{ confirmed: boolean }> {
    if (typeof name !== 'string') throw new BadRequestException('name must be a string')
    await renameUser(id, name)
    // False: Redis did not confirm it, and is asked again as soon as it can be.
    return { confirmed: await this.cache.delete(id) }
  }
}
