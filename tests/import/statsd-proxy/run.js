{ nodes: lookup('nodes') }
