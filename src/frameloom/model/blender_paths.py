"""Every path property and socket of Blender 4.5 and 5.0, with its use in a render.

The names are those of RNA, Blender's description of its own data, as `tools/blender_paths.py` prints them. A test
compares this table with that list and fails for a Blender with another path, which must then be classified here.
"""

from enum import Enum
from typing import Final


class PathUse(Enum):
    """The use of a path in a render."""

    # Reads it: services/scene/references.py and modifier_references.py find it, worker/blender_process/path_guard.py
    # confines it.
    READ = "read"
    # Reads it in Geometry Nodes, where links may supply the path: model/import_nodes.py follows them.
    IMPORTED = "imported"
    # Reads it while it opens the file, before the worker's code runs. PrepareJob refuses a path that leads outside.
    LINKED = "linked"
    # Reads a proxy of footage, with settings that are unusual in a final render. The farm fetches no proxies, and the
    # worker confines the path.
    PROXY = "proxy"
    # Runs it as code: without trust the job or Blender refuses it. The worker confines it as well.
    CODE = "code"
    # Writes to it, or would: the farm names the frames' own path, and mutes nodes that write.
    WRITTEN = "written"
    # None: it repeats another property, records an origin, or is used only by operators.
    UNREAD = "unread"
    # None: it belongs to Blender's preferences or window, which are not part of a scene.
    INTERFACE = "interface"
    # None: it is a path in Blender's own data, or no path at all.
    OTHER = "other"


# The uses that the worker confines to the scene's folder.
CONFINED: Final = frozenset({PathUse.READ, PathUse.PROXY, PathUse.CODE})

# The path of Blender's built-in font.
BUILTIN_FONT: Final = "<builtin>"

_BY_USE: Final = {
    PathUse.READ: """
        CacheFile.filepath CacheFileLayer.filepath FluidDomainSettings.cache_directory Image.filepath
        ImageStrip.directory StripElement.filename MeshCacheModifier.filepath MovieClip.filepath MovieStrip.filepath
        MultiresModifier.filepath NodesModifier.bake_directory NodesModifierBake.directory OceanModifier.filepath
        PointCache.filepath PointCacheItem.filepath ShaderNodeTexIES.filepath Sound.filepath VectorFont.filepath
        Volume.filepath
    """,
    PathUse.IMPORTED: """
        GeometryNodeImportCSV.inputs[Path] GeometryNodeImportOBJ.inputs[Path] GeometryNodeImportPLY.inputs[Path]
        GeometryNodeImportSTL.inputs[Path] GeometryNodeImportText.inputs[Path] GeometryNodeImportVDB.inputs[Path]
        NodeSocketStringFilePath.default_value NodeTreeInterfaceSocketStringFilePath.default_value
    """,
    PathUse.LINKED: "Library.filepath",
    PathUse.PROXY: """
        MovieClipProxy.directory SequenceEditor.proxy_dir StripProxy.directory StripProxy.filepath
    """,
    PathUse.CODE: "Camera.custom_filepath ShaderNodeScript.filepath",
    PathUse.WRITTEN: """
        BakeSettings.filepath CollectionExport.filepath CompositorNodeOutputFile.base_path
        CompositorNodeOutputFile.directory CompositorNodeOutputFile.file_name DynamicPaintSurface.image_output_path
        NodeOutputFileSlotFile.path RenderEngine.temporary_directory RenderSettings.file_extension
        RenderSettings.filepath SceneRenderView.file_suffix
    """,
    PathUse.UNREAD: """
        AssetRepresentation.full_library_path AssetRepresentation.full_path AssetRepresentation.name
        BlendData.filepath BlendImportContextLibrary.filepath Image.filepath_raw ImagePackedFile.filepath
        LibraryWeakReference.filepath LibraryWeakReference.id_name Text.filepath VolumeGrids.frame_filepath
    """,
    PathUse.INTERFACE: """
        Brush.icon_filepath FileBrowserFSMenuEntry.name FileBrowserFSMenuEntry.path FileHandler.bl_file_extensions
        FileSelectEntry.name FileSelectEntry.relative_path FileSelectParams.directory FileSelectParams.filename
        PathCompare.path PreferencesFilePaths.animation_player PreferencesFilePaths.font_directory
        PreferencesFilePaths.i18n_branches_directory PreferencesFilePaths.image_editor
        PreferencesFilePaths.render_cache_directory PreferencesFilePaths.render_output_directory
        PreferencesFilePaths.sound_directory PreferencesFilePaths.temporary_directory
        PreferencesFilePaths.text_editor PreferencesFilePaths.texture_directory PreferencesKeymap.active_keyconfig
        PreferencesView.font_path_ui PreferencesView.font_path_ui_mono ScriptDirectory.directory StudioLight.path
        Theme.filepath UserAssetLibrary.path UserExtensionRepo.custom_directory UserExtensionRepo.directory
        UserExtensionRepo.remote_url WindowManager.asset_path_dummy XrActionMapBinding.profile XrComponentPath.path
        XrEventData.user_path XrEventData.user_path_other XrUserPath.path
    """,
    PathUse.OTHER: """
        CacheObjectPath.path DriverTarget.data_path FCurve.data_path IDOverrideLibraryProperty.rna_path
        KeyingSetPath.data_path MeshSequenceCacheModifier.object_path PackedFile.data PrimitiveString.value
        StringAttributeValue.value TextureNodeOutput.filepath TransformCacheConstraint.object_path
    """,
}

PATHS: Final = {name: use for use, names in _BY_USE.items() for name in names.split()}
