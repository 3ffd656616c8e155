//! An archive that `docker load` reads: for a machine that runs the image without a registry between.

use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::{Layout, error::ImageError, hex, manifest::Manifest};

impl Layout {
    /// The image under a name (`app:local`), as `docker save` would write it.
    pub fn archive(&self, name: &str) -> Result<Vec<u8>, ImageError> {
        let manifest: Manifest = self.json(self.image())?;
        let config = format!("{}.json", hex(&manifest.config.digest));
        let layers: Vec<String> =
            manifest.layers.iter().map(|layer| format!("{}.tar.gz", hex(&layer.digest))).collect();
        let index = json!([{ "Config": config, "RepoTags": [name], "Layers": layers }]);

        let mut files = vec![(config, self.bytes(&manifest.config)?)];
        for (path, layer) in layers.into_iter().zip(&manifest.layers) {
            files.push((path, self.bytes(layer)?));
        }
        files.push(("manifest.json".to_owned(), serde_json::to_vec(&index)?));

        let write = || {
            let mut tar = Builder::new(vec![]);
            for (path, content) in &files {
                let mut header = Header::new_ustar();
                header.set_entry_type(EntryType::Regular);
                header.set_path(path)?;
                header.set_mode(0o644);
                header.set_mtime(0);
                header.set_size(content.len() as u64);
                header.set_cksum();
                tar.append(&header, content.as_slice())?;
            }
            tar.into_inner()
        };
        write().map_err(ImageError::io("archive", self.folder()))
    }
}
