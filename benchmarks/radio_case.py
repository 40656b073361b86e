"""The link that every engine of the radio benchmark computes. Imports nothing: the processes are weighed whole."""

TILE = "N34E136"
MAST_LAT, MAST_LON = 34.5, 136.5
PLANE_EPSG = 6674
MAST_HEIGHT_M, RECEIVER_HEIGHT_M, MHZ = 30.0, 1.5, 800.0
RADIUS_KM = 20.0
