"""The allow-list: every element that a de-identified copy of a film may carry from its original, and no other.

Names are DICOM keywords (PS3.6). An element belongs here only if showing, measuring or modelling a film needs it
and if its proper values cannot name anybody.
"""

from __future__ import annotations

NUMBERS = (
    # the pixels (PS3.3 C.7.6.3)
    "SamplesPerPixel",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelAspectRatio",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "PixelIntensityRelationshipSign",
    "LossyImageCompressionRatio",
    # geometry
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "EstimatedRadiographicMagnificationFactor",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "ImageOrientationPatient",
    "FieldOfViewDimensions",
    "FieldOfViewOrigin",
    "FieldOfViewRotation",
    # display (C.11)
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
    "ShutterPresentationValue",
    # frames (C.7.6.5)
    "FrameTime",
    "FrameTimeVector",
    "CineRate",
    "RecommendedDisplayFrameRate",
    # exposure (C.8.7)
    "KVP",
    "Exposure",
    "ExposureInuAs",
    "ExposureTime",
    "ExposureTimeInuS",
    "XRayTubeCurrent",
    "XRayTubeCurrentInuA",
    "ExposureIndex",
    "TargetExposureIndex",
    "DeviationIndex",
    "Sensitivity",
    "RelativeXRayExposure",
    "EntranceDose",
    "EntranceDoseInmGy",
    "ImageAndFluoroscopyAreaDoseProduct",
    "FocalSpots",
    "FilterThicknessMinimum",
    "FilterThicknessMaximum",
    "GridFocalDistance",
    "GridPitch",
    "GridThickness",
    "BodyPartThickness",
)
"""Elements whose values are numbers; left out whole if one value is none."""

TABLES = (
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
)
"""Elements whose values are blocks of numbers, taken as they are."""

LUT_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence", "PresentationLUTSequence")
"""Sequences of which each item's descriptor and data are taken, and not its explanation."""

CODE_STRINGS = (
    "PhotometricInterpretation",
    "PixelIntensityRelationship",
    "PresentationLUTShape",
    "ShutterShape",
    "VOILUTFunction",
    "PresentationIntentType",
    "LossyImageCompression",
    "LossyImageCompressionMethod",
    "BurnedInAnnotation",
    "PixelSpacingCalibrationType",
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "PatientOrientation",
    "FieldOfViewShape",
    "FieldOfViewHorizontalFlip",
    "DetectorType",
    "AnodeTargetMaterial",
    "FilterMaterial",
    "Grid",
)
"""Elements whose values are code strings; each is checked for its form and against the film's own names."""

IMAGE_TYPES = (("ORIGINAL", "DERIVED"), ("PRIMARY", "SECONDARY"))
"""The first two values of Image Type (C.7.6.1.1.2), the only ones taken: makers write what they like into the others."""

WINDOW_NAMES = frozenset(
    (
        "",
        *("NORMAL", "HARD", "HARDER", "SOFT", "SOFTER", "USER", "WINDOW1", "WINDOW2", "WINDOW3"),
        *("ABDOMEN", "BONE", "BRAIN", "CHEST", "LIVER", "LUNG", "MEDIASTINUM", "SOFT TISSUE", "THORAX"),
    )
)
"""Explanations of windows that are taken if a film has no others: names of presets, as makers write them."""

DATES = ("StudyDate", "SeriesDate", "AcquisitionDate")
"""Dates that are kept, moved by the patient's own number of days: they order a patient's films."""

PERSONS = (
    "PatientID",
    "OtherPatientIDs",
    "MilitaryRank",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "CountryOfResidence",
    "RegionOfResidence",
    "ReferringPhysicianAddress",
    "ReferringPhysicianTelephoneNumbers",
    "InstitutionName",
    "InstitutionAddress",
    "AccessionNumber",
    "StudyID",
    "AdmissionID",
    "ServiceEpisodeID",
    "RequestedProcedureID",
    "ScheduledProcedureStepID",
    "PerformedProcedureStepID",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "DeviceSerialNumber",
    "DetectorID",
    "PlateID",
)
"""Elements besides those of names (VR PN) whose words must not come back in any code string of the copy."""
