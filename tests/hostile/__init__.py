"""Every command of the program against every fault that we could think of in what claims to be a proxy."""
