"""Leases."""
import time

PATIENCE = 30


class Leases:
    """All leases."""

    def __init__(self):
        self.map = {}

    # Only one may hold it.
    def take(self, name, owner):
        """Takes one, if it is free or its time is over."""
        held = self.map.get(name)
        if held and held[1] > time.time():
            return False
        self.map[name] = (owner, time.time() + PATIENCE)
        return True

    @property
    def count(self):
        return len(self.map)

    def free(self, name):
        """Gives it back."""
        owner, _ = self.map.pop(name)
        return owner


def main():
    leases = Leases()
    leases.take("a", "me")
    print(leases.count, leases.free("a"))


if __name__ == "__main__":
    main()
