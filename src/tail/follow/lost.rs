//! What was read is not there any more, or cannot be read on.

use std::io;

use super::search::Search;
use super::{Beginning, Files, Follower, Happened, Place, Turn};
use crate::tail::FileId;

impl<O> Follower<O> {
    /// What was read is not there any more: its file was truncated or written anew.
    pub(super) fn truncated<F: Files<Open = O>>(&mut self, files: &mut F) -> Turn {
        let Place::In(current) = &self.place else { return Turn::Rest };
        let id = current.id;
        self.lost(files, Some(id))
    }

    /// What was read is not where it was. It is looked for in other files than `but`; what cannot be found begins anew.
    pub(super) fn lost<F: Files<Open = O>>(&mut self, files: &mut F, but: Option<FileId>) -> Turn {
        if !self.miss() {
            return Turn::Relist;
        }
        let Place::In(current) = &self.place else { return Turn::Rest };
        let position = current.here();
        match self.search(files, &position, but) {
            Search::Found(found) => {
                let path = found.path.clone();
                self.continue_in(found);
                if let Place::In(current) = &mut self.place {
                    current.copy = but.is_some();
                }
                return Turn::Happened(Happened::Found { path, truncated: true });
            }
            Search::Not(turn) => {
                self.missed = Some(self.listing);
                return turn;
            }
            Search::Nowhere => {}
        }
        self.begin_anew(files)
    }

    /// What was being read is nowhere: goes on with the first file that was not done before.
    pub(super) fn begin_anew<F: Files<Open = O>>(&mut self, files: &mut F) -> Turn {
        let Place::In(current) = &self.place else { return Turn::Rest };
        let (id, modified, path) = (current.id, current.modified, current.path.clone());
        let own = self.place_of(id);
        let gap = current.known.saturating_sub(current.offset);
        // A copy that it is not found in was made before the last bytes that were read here.
        let next = self
            .slots
            .iter()
            .position(|slot| slot.has(id) || slot.modified() > modified && !current.is_after(slot));
        match next.map(|next| self.enter(files, next)) {
            Some(Ok(entered)) => self.go_to(entered),
            Some(Err(turn)) => {
                self.missed = Some(self.listing);
                return turn;
            }
            None => {
                self.behind = self.position();
                self.place = Place::Nowhere(Beginning::Since(Some(modified)));
            }
        }
        Turn::Happened(match own {
            Some(_) => Happened::Truncated { path, gap },
            None => Happened::Vanished { path },
        })
    }

    /// Whether a listing later than the first miss of a content has been taken; asks for one if not.
    pub(super) fn miss(&mut self) -> bool {
        match self.missed {
            Some(listing) if self.listing >= listing => {
                self.missed = None;
                true
            }
            Some(_) => false,
            None => {
                self.missed = Some(self.listing + 1);
                self.needs = self.listing + 1;
                false
            }
        }
    }

    /// A file cannot be read on. It is opened again; one that is damaged is passed over if there is a newer one.
    pub(super) fn broken<F: Files<Open = O>>(&mut self, files: &mut F, error: &io::Error) -> Turn {
        let Place::In(current) = &mut self.place else { return Turn::Rest };
        // How much content there was is not known once some of it was read.
        let size = if current.offset == 0 { current.size } else { 0 };
        let (id, path) = (current.id, current.path.clone());
        let damaged = error.kind() == io::ErrorKind::InvalidData;
        let next = self.place_of(id).map(|place| place + 1).filter(|&next| next < self.slots.len());
        let passed = next.filter(|_| damaged).map(|_| size);
        if self.is_news(id, &error.to_string(), passed.is_some()) {
            return Turn::Happened(Happened::Refused { path, why: error.to_string(), passed });
        }
        match next {
            Some(next) if damaged => self.leave(files, next),
            _ => {
                self.close();
                Turn::Rest
            }
        }
    }
}
