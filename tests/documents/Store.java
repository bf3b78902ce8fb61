package store;

import java.util.HashMap;
import java.util.Map;

/** All leases. */
public class Store {
    private final Map<String, String> held = new HashMap<>();

    /** Makes an empty one. */
    public Store() {}

    /** Takes one, if it is free. */
    public synchronized boolean take(String name, String owner) {
        if (held.containsKey(name)) {
            return false;
        }
        held.put(name, owner);
        return true;
    }

    /** Gives it back, and says whose it was. */
    public synchronized String free(String name) {
        return held.remove(name);
    }

    interface Clock {
        long now();
    }
}
