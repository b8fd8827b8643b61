"""Commands: what somebody sends down to devices."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Glob, Item, Name, Text, wrong
from simulator.spec.behaviour import Wait
from simulator.spec.quantity import Size
from simulator.spec.spool import Spool


class Commands(Item):
    """Messages that a service, or a machine, sends to each node that `target` matches, `every` so often.

    A command carries `size`, and what its `protocol` adds. Of a service, each device keeps to one pod, and is sent
    nothing while that does not run.

    `qos` is MQTT's. With 0 a command is lost where the device is cut off or has no power. With 1 and 2 it waits for
    the device in a `spool` of its own (an MQTT broker's session) on the member by which the device enters the cluster,
    and the sender keeps what does not get there. LoRaWAN is not offered: devices of its class A hear only after they
    have sent.
    """

    kind: Literal["commands"] = "commands"
    name: Name | None = None
    source: Text
    target: Glob
    every: Wait
    size: Size
    protocol: Literal["mqtt", "http", "coap", "modbus", "opc-ua", "bluetooth", "lorawan"] = "mqtt"
    qos: Annotated[int, Field(strict=True, ge=0, le=2)] = 0
    spool: Spool | None = None

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.protocol == "lorawan":
            said = "commands over lorawan are not simulated: devices of class A hear only after they have sent"
            raise wrong(said, "another protocol", "protocol")
        if self.qos == 2 and self.protocol != "mqtt":
            raise wrong(f"{self.protocol} has no exactly-once delivery", "qos 0 or 1, or protocol: mqtt", "qos")
        if (self.qos > 0) != (self.spool is not None):
            said = "a command waits with qos 1 and 2, in a spool, and with qos 0 nowhere"
            raise wrong(said, "qos: 1 and spool: {size: 100kB}, or neither", "qos")
        if self.spool is not None:
            if self.spool.at == "device" or self.spool.name is not None:
                said = "each device's commands wait in a spool of their own, on the way to it"
                raise wrong(said, "take out at and name", "spool")
            if self.spool.drop == "least-important":
                raise wrong("commands are all as important", "drop: oldest, or newest", "spool")
        return self
