"""For each byte of standard input: 37 collections of garbage, 101 generators closed."""
import gc
import os


def counted():
    yield


gc.disable()
while byte := os.read(0, 1):
    for _ in range(37):
        gc.collect(1)
    for _ in range(101):
        one = counted()
        next(one)
        one.close()
    os.write(1, byte)
