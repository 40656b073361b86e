"""Real layers for any prefecture: fetched from their publishers, checked, catalogued, carried to a closed network.

Addresses, prefectures and the first values of a region are data (``addresses.toml``, ``prefectures.toml``,
``region_defaults.toml``). docs/fetch.md tells staff how to use it.
"""
