"""What most shops run: a FastAPI view that stores YooKassa's notices through SQLAlchemy on asyncpg.

The same work as the shop's view: the sender's address is looked up in the provider's networks, the body
is read as JSON, and one row goes into an inbox whose key lets each notice in once.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from fastapi import FastAPI, Request, Response
from sqlalchemy import BigInteger, DateTime, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NETWORKS = [ip_network(each) for each in ("185.71.76.0/27", "185.71.77.0/27", "127.0.0.0/8")]


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True)}


class Notice(Base):
    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("dedupe_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    dedupe_key: Mapped[str] = mapped_column(String(200))
    event: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    source_address: Mapped[str] = mapped_column(String(45))
    state: Mapped[str] = mapped_column(String(8))
    received_at: Mapped[datetime]


engine = create_async_engine(os.environ["RIVAL_DATABASE_URL"], pool_size=8)
sessions = async_sessionmaker(engine)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    if os.environ.get("RIVAL_MAKES_TABLES"):
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all, checkfirst=True)
    yield


app = FastAPI(lifespan=lifespan, docs_url=None, openapi_url=None)


@app.post("/webhooks/yookassa")
async def notices(request: Request) -> Response:
    address = ip_address(request.client.host if request.client else "")
    if not any(address in network for network in NETWORKS):
        return Response(status_code=403)
    raw = await request.body()
    try:
        told = json.loads(raw)
        event, thing = told["event"], told["object"]
        key = f"{event}:{thing['id']}:{thing['status']}"
    except (ValueError, KeyError, TypeError):
        return Response(status_code=400)
    row = {
        "dedupe_key": key,
        "event": event,
        "object_id": thing["id"],
        "body": raw.decode(),
        "source_address": str(address),
        "state": "received",
        "received_at": datetime.now(UTC),
    }
    async with sessions() as session, session.begin():
        await session.execute(insert(Notice).values(row).on_conflict_do_nothing())
    return Response(status_code=200)
