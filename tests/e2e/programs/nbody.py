# SPDX-License-Identifier: BSD-2-Clause
"""Planets on their orbits: loops of floating point, few bridges.

The sun and four bodies attract each other; energy hardly changes, and its
value is the proof that the machine code computes the same as the interpreter.
"""

import math
import sys


class Body:
    def __init__(self, mass, position, velocity):
        self.mass = mass
        self.x, self.y, self.z = position
        self.vx, self.vy, self.vz = velocity


def solar_system():
    bodies = [Body(1000.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))]
    for i in range(1, 5):
        radius = 20.0 * i
        speed = math.sqrt(1000.0 / radius)
        angle = 1.3 * i
        bodies.append(Body(
            0.1 * i,
            (radius * math.cos(angle), radius * math.sin(angle), 0.2 * i),
            (-speed * math.sin(angle), speed * math.cos(angle), 0.0)))
    return bodies


def pull(a, b, dt):
    dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
    square = dx * dx + dy * dy + dz * dz
    strength = dt / (square * math.sqrt(square))
    a.vx -= dx * b.mass * strength
    a.vy -= dy * b.mass * strength
    a.vz -= dz * b.mass * strength
    b.vx += dx * a.mass * strength
    b.vy += dy * a.mass * strength
    b.vz += dz * a.mass * strength


def step(bodies, dt):
    for i in range(len(bodies)):
        for j in range(i + 1, len(bodies)):
            pull(bodies[i], bodies[j], dt)
    for body in bodies:
        body.x += dt * body.vx
        body.y += dt * body.vy
        body.z += dt * body.vz


def energy(bodies):
    total = 0.0
    for i, a in enumerate(bodies):
        total += 0.5 * a.mass * (a.vx ** 2 + a.vy ** 2 + a.vz ** 2)
        for b in bodies[i + 1:]:
            distance = math.dist((a.x, a.y, a.z), (b.x, b.y, b.z))
            total -= a.mass * b.mass / distance
    return total


def main(steps):
    bodies = solar_system()
    before = energy(bodies)
    for _ in range(steps):
        step(bodies, 0.001)
    print("energy %.6f, drift %.1e" % (before, energy(bodies) / before - 1.0))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000000)
