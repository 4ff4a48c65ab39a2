"""Mail: read what comes in, write what goes out, hand it to the smarthost."""
