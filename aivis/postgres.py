"""What PostgreSQL's client raises when the server is away, hurt, or of another mind: worth another try."""

import asyncio

import asyncpg

AWAY = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session was ended from outside, and its connection taken before that was seen
    OSError,
    asyncio.TimeoutError,
)
