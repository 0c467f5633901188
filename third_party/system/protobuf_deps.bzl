"""The system's Protobuf needs no further repository."""

def protobuf_deps():
    pass
