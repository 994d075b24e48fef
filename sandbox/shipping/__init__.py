"""Oscar's shipping app with Tumblepaw's one parcel service."""
