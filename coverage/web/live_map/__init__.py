"""The live map of the page 地図: our own Leaflet component, the data it fetches by address, and its scripts."""
