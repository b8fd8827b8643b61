from typing import Any


class Telemetry:
    def __init__(self,*a:Any)->None: pass
    def add(self,f:Any)->None: pass
    def changed(self)->None: pass
    def settle(self,now:int)->None: pass
    def finish(self,now:int)->None: pass
