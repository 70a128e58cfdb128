"""Tables of nodes: the leases of processes that share this database, and the states that they tell each other.

The lease of a camera is in its row (`node`, `epoch`, see tables/cameras.py). Times are seconds of the database's clock
(`now_s` of placement/store.py), so that the clocks of the nodes do not matter.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base


class NodeRow(Base):
    """A node. It lives until `expires`, which it renews.

    `incarnation` is the random word of one run, `ready_at` the time from which it takes cameras, `capacity` the most
    channels (0: no limit). `build` is a word for the program's files, `streams` the number of running streams, and
    `cpu_share` the processor time of its process, of one core.
    """

    __tablename__ = "nodes"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    incarnation: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(255))
    site: Mapped[str] = mapped_column(String(64), default="")
    capacity: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[str] = mapped_column(String(32), default="")
    build: Mapped[str] = mapped_column(String(16), default="")
    streams: Mapped[int] = mapped_column(Integer, default=0)
    cpu_share: Mapped[float] = mapped_column(Float, default=0.0)
    lease_s: Mapped[float] = mapped_column(Float)
    expires: Mapped[float] = mapped_column(Float)
    ready_at: Mapped[float] = mapped_column(Float)
    draining: Mapped[bool] = mapped_column(Boolean, default=False)


class CameraStateRow(Base):
    """The state of a camera, as its owner wrote it last.

    `refused_until`: the device has refused the password, and no node tries it before. `refused_box` names the stored
    password that was refused, `refused_logins` the number of its refused logins, `refused_of_place` the number of all
    refused logins at the device's address.
    """

    __tablename__ = "camera_states"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    node: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(24))
    problem_code: Mapped[str | None] = mapped_column(String(64))
    problem_detail: Mapped[str | None] = mapped_column(Text)
    written_at: Mapped[float] = mapped_column(Float)
    refused_until: Mapped[float | None] = mapped_column(Float)
    refused_logins: Mapped[int] = mapped_column(Integer, default=0)
    refused_of_place: Mapped[int] = mapped_column(Integer, default=0)
    refused_box: Mapped[str] = mapped_column(String(32), default="")


class ChangeRow(Base):
    """The number of changes of a topic, for nodes that cannot hear of them (placement/bus.py)."""

    __tablename__ = "changes"

    topic: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
